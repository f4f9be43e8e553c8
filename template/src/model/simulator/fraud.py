"""How cards are misused: campaigns that begin on one day and may last for weeks. None needs a label to be seen."""

from __future__ import annotations

import numpy as np

from model.simulator.world import CATEGORIES, DAY, Integers, Rows, World, random_terminals, stream, usual_amounts

LONGEST_DAYS = 30  # after its first day no campaign lasts longer


def frauds(world: World, day: int) -> list[Rows]:
    """Transactions of the campaigns that begin on `day`, some of them on later days."""
    return [pattern(world, day) for pattern in (_stolen_card, _skimmed_terminal, _account_takeover, _single_misuse)]


def card_testing(world: World, day: int, strength: float) -> Rows:
    """A thief tries at one online shop which of many cards work: tiny amounts, each card once, within two hours.

    `strength` is the number of such bursts a day for each 1,000 customers; one has 15 to 45 payments.
    """
    rng = stream(world.seed, day, "card testing")
    _, first = _campaigns(world, rng, day, strength)
    shop = random_terminals(world, rng, np.full(len(first), CATEGORIES.index("online")))
    which = np.repeat(np.arange(len(first)), rng.integers(15, 46, len(first)))
    victim = rng.integers(0, len(world.rate), len(which))
    second = first[which] + rng.integers(0, 7200, len(which))
    return Rows(victim, shop[which], second, rng.uniform(0.5, 5.0, len(which)), fraud=True)


def _stolen_card(world: World, day: int) -> Rows:
    """A burst of unusually high amounts by one customer, within a day or so, at terminals new to the card."""
    rng = stream(world.seed, day, "stolen card")
    victim, first = _campaigns(world, rng, day, 0.7)
    which = np.repeat(np.arange(len(victim)), rng.integers(4, 10, len(victim)))
    hours = rng.uniform(4, 36, len(victim))
    second = first[which] + (rng.random(len(which)) * hours[which] * 3600).astype(np.int64)
    terminal = random_terminals(world, rng, rng.integers(0, len(CATEGORIES), len(which)))
    amount = usual_amounts(world, rng, victim[which], terminal) * rng.uniform(2, 6, len(which))
    return Rows(victim[which], terminal, second, amount, fraud=True)


def _skimmed_terminal(world: World, day: int) -> Rows:
    """Copies of cards are used at one terminal for some weeks, for more than people usually pay there."""
    rng = stream(world.seed, day, "skimmed terminal")
    terminals, customers = len(world.terminal_category), len(world.rate)
    skimmed = rng.integers(0, terminals, rng.poisson(0.35 * customers / 1000))
    days = rng.integers(14, LONGEST_DAYS - 1, len(skimmed))
    which = np.repeat(np.arange(len(skimmed)), rng.poisson(0.6 * days))
    later = (rng.random(len(which)) * days[which]).astype(np.int64)
    second = (day + later) * DAY + rng.integers(8 * 3600, 22 * 3600, len(which))
    victim = rng.integers(0, customers, len(which))
    amount = usual_amounts(world, rng, victim, skimmed[which]) * rng.uniform(2, 5, len(which))
    return Rows(victim, skimmed[which], second, amount, fraud=True)


def _account_takeover(world: World, day: int) -> Rows:
    """Someone else pays at night, at terminals and in categories that the customer does not use."""
    rng = stream(world.seed, day, "account takeover")
    victim, _ = _campaigns(world, rng, day, 0.7)
    which = np.repeat(np.arange(len(victim)), rng.integers(3, 8, len(victim)))
    second = (day + 1) * DAY + rng.integers(0, 5 * 3600, len(which))
    terminal = random_terminals(world, rng, rng.integers(0, len(CATEGORIES), len(which)))
    amount = usual_amounts(world, rng, victim[which], terminal) * rng.uniform(0.9, 2.5, len(which))
    return Rows(victim[which], terminal, second, amount, fraud=True)


def _single_misuse(world: World, day: int) -> Rows:
    """One payment that looks like the owner's: what no window can see, so that no model is perfect."""
    rng = stream(world.seed, day, "single misuse")
    victim, second = _campaigns(world, rng, day, 1.0)
    terminal = random_terminals(world, rng, rng.integers(0, len(CATEGORIES), len(victim)))
    return Rows(victim, terminal, second, usual_amounts(world, rng, victim, terminal), fraud=True)


def _campaigns(world: World, rng: np.random.Generator, day: int, per_thousand: float) -> tuple[Integers, Integers]:
    """Victims and the second at which each campaign begins."""
    customers = len(world.rate)
    victim = rng.integers(0, customers, rng.poisson(per_thousand * customers / 1000))
    return victim, day * DAY + rng.integers(0, DAY, len(victim))
