"""The audience of a broadcast: each affected customer is told by a notification, or not told for a reason."""

from enum import StrEnum


class AudienceOutcome(StrEnum):
    """What planning decided for one customer."""

    TOLD = "told"  # at least one notification carries it
    NO_CONTACT_POINT = "no_contact_point"  # nothing on file
    NO_CHANNEL = "no_channel"  # contact points on file, but none on a channel of the playbook
    OPTED_OUT = "opted_out"  # asked not to hear from us
    SUPPRESSED = "suppressed"  # the address must not be written to
    SITE_ENDED = "site_ended"  # told before; the contract ended or was paused meanwhile
    NOT_TOLD_BEFORE = "not_told_before"  # a correction goes to nobody who was not told
    QUIET_HOURS = "quiet_hours"
    NOT_ON_GUEST_LIST = "not_on_guest_list"
    FREQUENCY_CAP = "frequency_cap"
    DUPLICATE_CONTACT_POINT = "duplicate_contact_point"
    PAUSED_BY_CUSTOMER = "paused_by_customer"  # wants nothing more about this incident
    HEARS_OF_ANOTHER = (
        "hears_of_another"  # its sites lie in another incident too, of which it hears until both are over
    )
