"""Who pays where, how much and when: customers, terminals and their ordinary transactions of a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAY = 86_400  # seconds
# name, share of terminals, median amount in euros, spread of its logarithm, busiest hour, spread of hours, weekends
_CATEGORIES = (
    ("grocery", 0.24, 28.0, 0.60, 16.0, 3.5, 1.2),
    ("restaurant", 0.20, 24.0, 0.55, 19.0, 3.0, 1.4),
    ("fuel", 0.10, 48.0, 0.35, 13.0, 5.0, 1.0),
    ("fashion", 0.12, 55.0, 0.70, 15.0, 2.5, 1.5),
    ("electronics", 0.06, 130.0, 0.80, 15.0, 3.0, 1.1),
    ("travel", 0.06, 150.0, 0.80, 12.0, 4.5, 0.8),
    ("online", 0.12, 36.0, 0.80, 20.5, 3.5, 1.1),
    ("parking", 0.10, 4.0, 0.60, 11.0, 4.0, 0.7),
)
CATEGORIES = tuple(row[0] for row in _CATEGORIES)
_SHARE, _MEDIAN, _SPREAD, _PEAK, _HOURS, _WEEKEND = np.array([row[1:] for row in _CATEGORIES], dtype=np.float64).T
_FAVOURITES, _CANDIDATES = 3, 12  # terminals that a customer keeps returning to in a category, out of so many seen


@dataclass(frozen=True)
class Rows:
    """Transactions before they become a table: parallel arrays of one length."""

    customer: Integers
    terminal: Integers
    second: Integers  # since 1970
    amount: Floats  # euros, before rounding
    fraud: bool

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class World:
    """What does not change from day to day. Arrays are by customer, by terminal, or by customer and category."""

    seed: int
    spend: Floats
    rate: Floats
    shift: Floats
    preference: Floats
    favourites: Integers
    terminal_category: Integers
    terminal_price: Floats
    terminals_of: tuple[Integers, ...]


def create(seed: int, customers: int, terminals: int) -> World:
    """A world that depends on these three numbers and nothing else."""
    rng = stream(seed, 0, "world")
    category = rng.choice(len(CATEGORIES), size=terminals, p=_SHARE / _SHARE.sum())
    category[: len(CATEGORIES)] = np.arange(len(CATEGORIES))  # none without a terminal
    places = rng.random((terminals, 2))
    homes = rng.random((customers, 2))
    weights = rng.gamma(0.8, size=(customers, len(CATEGORIES))) * _SHARE + 1e-3
    by_category = tuple(np.flatnonzero(category == c) for c in range(len(CATEGORIES)))
    night_owls = rng.random(customers) < 0.08
    return World(
        seed=seed,
        spend=rng.normal(0, 0.35, customers),
        rate=np.clip(rng.gamma(2.0, 0.38, customers), 0.05, 3.0),
        shift=rng.normal(0, 1.0, customers) + np.where(night_owls, 8.0, 0.0),
        preference=np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1),
        favourites=np.stack([_nearest(rng, homes, places, members) for members in by_category], axis=1),
        terminal_category=category.astype(np.int64),
        terminal_price=rng.normal(0, 0.25, terminals),
        terminals_of=by_category,
    )


def ordinary(world: World, day: int) -> Rows:
    """The day's transactions by the cards' owners; `day` counts from 1970."""
    rng = stream(world.seed, day, "ordinary")
    weekend = (day + 3) % 7 >= 5
    customer = np.repeat(np.arange(len(world.rate)), rng.poisson(world.rate * (1.05 if weekend else 1.0)))
    n = len(customer)
    category = (rng.random(n)[:, None] > world.preference[customer]).sum(axis=1)
    category = np.minimum(category, len(CATEGORIES) - 1)
    stays = rng.random(n) < (_WEEKEND[category] / 1.5 if weekend else 0.85)
    customer, category, n = customer[stays], category[stays], int(stays.sum())
    terminal = world.favourites[customer, category, rng.integers(0, _FAVOURITES, n)]
    elsewhere = rng.random(n) < 0.15
    terminal = np.where(elsewhere, random_terminals(world, rng, category), terminal)
    hour = (_PEAK[category] + world.shift[customer] + _HOURS[category] * rng.normal(size=n)) % 24
    amount = usual_amounts(world, rng, customer, terminal)
    treat = rng.random(n) < 0.02  # a large purchase that is no fraud
    amount = np.where(treat, amount * rng.uniform(2, 6, n), amount)
    return Rows(customer, terminal, day * DAY + (hour * 3600).astype(np.int64), amount, fraud=False)


def usual_amounts(world: World, rng: np.random.Generator, customer: Integers, terminal: Integers) -> Floats:
    """What these customers would pay at these terminals, in euros."""
    category = world.terminal_category[terminal]
    level = np.log(_MEDIAN[category]) + world.spend[customer] + world.terminal_price[terminal]
    return np.asarray(np.exp(level + _SPREAD[category] * rng.normal(size=len(customer))), dtype=np.float64)


def random_terminals(world: World, rng: np.random.Generator, category: Integers) -> Integers:
    """A terminal of each category, wherever it stands."""
    drawn = rng.random(len(category))
    terminal = np.empty(len(category), dtype=np.int64)
    for number, members in enumerate(world.terminals_of):
        chosen = category == number
        terminal[chosen] = members[(drawn[chosen] * len(members)).astype(np.int64)]
    return terminal


def stream(seed: int, day: int, purpose: str) -> np.random.Generator:
    """Random numbers of their own for each day and purpose, so that a later end date changes no earlier row."""
    return np.random.Generator(np.random.PCG64([seed, day + 2**31, *purpose.encode()]))


def _nearest(rng: np.random.Generator, homes: Floats, places: Floats, members: Integers) -> Integers:
    seen = members[rng.integers(0, len(members), (len(homes), _CANDIDATES))]
    distance = ((places[seen] - homes[:, None, :]) ** 2).sum(axis=2)
    nearest = np.take_along_axis(seen, np.argsort(distance, axis=1)[:, :_FAVOURITES], axis=1)
    return np.asarray(nearest, dtype=np.int64)
