"""Mail that comes back: taken in once each, and what follows from it."""

from notifier.stages.mail_reports.taking import MAIL_AT_MOST, Letter, MailReports, Replies, Understood

__all__ = ["MAIL_AT_MOST", "Letter", "MailReports", "Replies", "Understood"]
