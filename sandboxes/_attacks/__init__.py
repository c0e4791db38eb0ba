"""The attack battery: what a hostile agent would try, run against a backend to see whether its sandboxes hold."""

from sandboxes._attacks.attack import Attack, AttackResult, Proof, Unproved, Unsandboxed, Weakened
from sandboxes._attacks.battery import ATTACKS, run_battery

__all__ = ["ATTACKS", "Attack", "AttackResult", "Proof", "Unproved", "Unsandboxed", "Weakened", "run_battery"]
