"""A control room whose daemon may confirm by itself, for the tests of mode `automatic`."""

from datetime import timedelta

from notifier.config import Detection, OnCall, Person
from notifier.domain.actor import DAEMON
from notifier.domain.automatic import Backtested
from notifier.domain.incident import DismissReason, IncidentState
from notifier.domain.playbook import Mode, Playbook
from notifier.stages.automatic import Acting, Automatic
from notifier.stages.incidents import ConfirmIncident
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import automatic as stored
from notifier.storage.repositories import incidents
from notifier.storage.repositories.evidence import attach_evidence
from tests.control_room import ControlRoom
from tests.incident_town import evidence

DAY = timedelta(days=1)
LIMITS = Detection()
PLAN = Playbook(name="standard", services=("power", "internet"), mode=Mode.AUTOMATIC, audience_limit=50)
ON_CALL = OnCall(people=(Person(name="Ann", email="ann@example.net"),))


class Room(ControlRoom):
    """A control room with a daemon that may confirm by itself."""

    def __init__(self, database: Database, *, playbook: Playbook = PLAN, on_call: OnCall = ON_CALL) -> None:
        super().__init__(database, playbook=playbook, on_call=on_call)
        self.automatic = Automatic(
            self.around,
            Acting(
                confirm=lambda which, actor: self.incidents.confirm(which, ConfirmIncident(), actor),
                send=self.broadcasts.send,
                cancel=self.broadcasts.cancel,
            ),
        )

    def prove(self, *, days: int = 40, likely: float = LIMITS.likely) -> None:
        """Store a backtest of the night before."""
        done = Backtested(
            ran_at=self.clock.now() - timedelta(hours=6),
            days=days,
            complaints=900,
            would_confirm=1,
            likely=likely,
            certain=LIMITS.certain,
        )
        self.database.write_now(lambda tx: stored.save_backtest(tx, done))

    def propose(self, code: str = "94110", *, grade: str = "certain", homes: int = 10) -> int:
        """Let the daemon propose an incident in a place with so many homes."""
        region = self.homes(homes, code) if homes else self.town.region(code)
        return self.propose_for(region, grade=grade)

    def propose_for(self, *regions: int, evident: tuple[int, ...] | None = None, grade: str = "certain") -> int:
        """Let the daemon propose an incident about some regions; `evident` are those with evidence, if not all."""
        now = self.clock.now()

        def make(tx: Transaction) -> int:
            incident_id = incidents.open_incident(
                tx,
                service="power",
                impact="down",
                playbook="standard",
                state=IncidentState.SUSPECTED,
                region_ids=regions,
                started_at=now,
                now=now,
                by=DAEMON.name,
                correlation_id="c",
            )
            for region in regions if evident is None else evident:
                attach_evidence(tx, incident_id, evidence(region, grade=grade, at=now), now=now)
            return incident_id

        return self.database.write_now(make)

    def ready(self) -> "Room":
        """Open the gate: a backtest has run, and people have judged enough."""
        self.prove()
        self.judge(10)
        return self

    def judge(self, number: int, *, dismissed: int = 0) -> None:
        """Pretend that people have judged so many proposals, the last ones by dismissing them."""
        for n in range(number):
            which = self.propose(f"judged-{self.clock.seconds}-{n}", homes=0)
            self.clock.seconds += 1
            self.clock.go_on(timedelta(seconds=1))
            now = self.clock.now()
            confirmed = n < number - dismissed

            def decide(tx: Transaction, which: int = which, now: object = now, confirmed: bool = confirmed) -> None:
                if confirmed:
                    tx.run(
                        "UPDATE incidents SET state = 'closed', confirmed_by = 'ann', confirmed_at = :now,"
                        " resolved_at = :now, closed_at = :now WHERE id = :id",
                        id=which,
                        now=to_micros(now),  # type: ignore[call-overload]
                    )
                else:
                    incidents.dismiss(tx, which, now=now, reason=DismissReason.BY_PERSON, actor="ann")  # type: ignore[arg-type]

            self.database.write_now(decide)

    def state(self, which: int) -> str:
        return str(self.rows("SELECT state FROM incidents WHERE id = :id", id=which)[0]["state"])

    def said(self) -> list[str]:
        """Return what people are told about the gate."""
        return [need.text for need in self.needs() if need.kind == "automatic"]

    def left(self, which: int) -> str:
        """Return why an incident was left to a person."""
        detail = self.database.read_now(lambda tx: incidents.last_event(tx, which, stored.LEFT))
        return "" if detail is None else str(detail["because"])
