"""One line of a benchmark's result."""

from statistics import median


def result(
    metric: str,
    unit: str,
    values: list[float],
    *,
    peer: str | None = None,
    peer_values: list[float] | None = None,
    must: float | None = None,
    goal: float | None = None,
    is_ratio: bool = False,
    higher_is_better: bool = True,
) -> dict[str, object]:
    """Medians of all rounds; `must` and `goal` judge the ratio to the peer (`is_ratio`) or the value itself.

    The ratio is the median of the rounds' own ratios: ours and the peer's ran one after the other, so a machine
    that slows down slows both.
    """
    value = median(values)
    ratio = None
    if peer_values:
        ratio = median(ours / theirs for ours, theirs in zip(values, peer_values, strict=True))
    judged = ratio if is_ratio else value

    def met(limit: float | None) -> bool | None:
        if limit is None or judged is None:
            return None
        return judged >= limit if higher_is_better else judged <= limit

    return {
        "metric": metric,
        "unit": unit,
        "value": round(value, 3),
        "rounds": [round(one, 3) for one in values],
        "peer": peer,
        "peer_value": round(median(peer_values), 3) if peer_values else None,
        "ratio": round(ratio, 3) if ratio is not None else None,
        "must": must,
        "goal": goal,
        "must_met": met(must),
        "goal_met": met(goal),
    }
