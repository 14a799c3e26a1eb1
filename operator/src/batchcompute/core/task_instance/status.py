"""The status of a TaskInstance as a function of what is known of its attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchcompute.core.attempts import Again, Ended, Spent
from batchcompute.core.conditions import cut
from batchcompute.core.member_facts import Budget, Outcome
from batchcompute.core.times import rfc3339
from batchcompute.core.verdict import budget_of
from batchcompute.vocabulary import InstancePhase, Reason

KEPT_ATTEMPTS = 10
MESSAGE = 1024

_OF_AN_ATTEMPT = (
    "exitCode",
    "reason",
    "message",
    "instanceId",
    "zone",
    "instanceType",
    "privateIP",
    "launchTime",
    "runningTime",
    "endTime",
    "stdout",
    "stderr",
)


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """One attempt on one machine. Times are Unix seconds, ``None`` when it never came to that."""

    number: int
    instance_id: str = ""
    zone: str = ""
    instance_type: str = ""
    private_ip: str = ""
    charge_type: str = ""
    launched: float | None = None
    running: float | None = None
    ended: float | None = None
    stdout: str = ""
    stderr: str = ""


def running(facts: AttemptFacts, generation: int) -> dict[str, Any]:
    """The one progress write: the command runs."""
    return {
        "observedGeneration": generation,
        "phase": str(InstancePhase.RUNNING),
        "attempt": facts.number,
        **_machine(facts),
    }


def after_attempt(
    facts: AttemptFacts,
    outcome: Outcome,
    follows: Again | Ended,
    earlier: Sequence[Mapping[str, Any]],
    generation: int,
) -> dict[str, Any]:
    """The final status, or that of the next attempt: members of the last one are nulled."""
    attempts = [*earlier, _entry(facts, outcome)][-KEPT_ATTEMPTS:]
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "attempts": attempts,
        "retriesUsed": follows.spent.user,
        "machinesLost": follows.spent.infrastructure,
    }
    if isinstance(follows, Again):
        status |= {"phase": str(InstancePhase.STARTING), "attempt": follows.attempt}
        return status | dict.fromkeys(_OF_AN_ATTEMPT)
    phase = InstancePhase.SUCCEEDED if follows.succeeded else InstancePhase.FAILED
    status |= {"phase": str(phase), "attempt": facts.number, **_machine(facts)}
    status |= {"reason": str(follows.reason), "message": message_of(outcome, facts)}
    status["exitCode"] = exit_code(outcome)
    if facts.ended is not None:
        status["endTime"] = rfc3339(facts.ended)
    return status


def never_launched(attempt: int, reason: Reason, now: float, generation: int) -> dict[str, Any]:
    """The end of a claim that no machine was made for."""
    return {
        "observedGeneration": generation,
        "phase": str(InstancePhase.FAILED),
        "attempt": attempt,
        "reason": str(reason),
        "message": reason.meaning,
        "endTime": rfc3339(now),
    }


def spent(status: Mapping[str, Any]) -> Spent:
    """What of the budgets is used up, as the status remembers it."""
    return Spent(
        user=int(status.get("retriesUsed", 0)), infrastructure=int(status.get("machinesLost", 0))
    )


def exit_code(outcome: Outcome) -> int | None:
    """As a shell tells it: 128 + signal for a signalled command."""
    return outcome.exit_code if outcome.signal is None else 128 + outcome.signal


def message_of(outcome: Outcome, facts: AttemptFacts) -> str:
    """Why, for people, and where to read on; never the program's output."""
    text = outcome.message or outcome.reason.meaning
    words = [text if text.endswith(".") else f"{text}."]
    if outcome.signal is not None:
        words.append(f"Signal {outcome.signal}.")
    elif outcome.exit_code:
        words.append(f"Exit code {outcome.exit_code}.")
    if budget_of(outcome.reason) is Budget.USER and facts.stderr:
        words.append(f"Log: {facts.stderr}")
    return cut(" ".join(words), MESSAGE)


def _machine(facts: AttemptFacts) -> dict[str, Any]:
    values: dict[str, Any] = {
        "instanceId": facts.instance_id,
        "zone": facts.zone,
        "instanceType": facts.instance_type,
        "privateIP": facts.private_ip,
        "stdout": facts.stdout,
        "stderr": facts.stderr,
    }
    for name, at in (("launchTime", facts.launched), ("runningTime", facts.running)):
        if at is not None:
            values[name] = rfc3339(at)
    return {name: value for name, value in values.items() if value}


def _entry(facts: AttemptFacts, outcome: Outcome) -> dict[str, Any]:
    entry: dict[str, Any] = {"number": facts.number, "reason": str(outcome.reason)}
    code = exit_code(outcome)
    if code is not None:
        entry["exitCode"] = code
    entry |= {name: value for name, value in _machine(facts).items() if name != "privateIP"}
    if facts.charge_type:
        entry["chargeType"] = facts.charge_type
    if facts.ended is not None:
        entry["endTime"] = rfc3339(facts.ended)
    return entry
