"""docs/reference/outcomes*.md: every metric as it declares itself, by domain.

Definition, formula, unit, scale, what one value describes, baseline rule, failure modes and the
works cited: from the registry and the bibliography, so that a new metric needs no page of its own.
"""

from __future__ import annotations

from pipeline.metric import SCALE_UNITS, Metric
from pipeline.registry import metrics
from pipeline.report.bibliography import Work, cited, plain, with_keys

#: domain -> title of its page, and what stands on it
DOMAINS = {
    "oscillations": ("Oscillations", "Power, rhythms and complexity of the LFP, per region."),
    "coupling": ("Coupling", "What two regions, or two bands of one region, have in common."),
    "spikes": ("Spikes", "Single units, pairs and groups of units, and the task."),
    "flexibility": ("Flexibility", "Set-shifting: trials, errors, latencies, models of choices."),
    "other": ("Other", "Movement, zones, scored behaviour, and the quality of the recording."),
}
_ENTITIES = {
    "animal": "the animal",
    "region": "a region",
    "region_pair": "a pair of regions",
    "unit": "a unit; the mean over a region's units is compared",
}
_SCALES = {
    "dB": "10 log₁₀ of the value; differences in dB",
    "log2": "log₂ of the value (rates: plus half an event); a difference of 1 is a doubling",
    "logit": "ln(p / (1 − p)) of a share, half a trial added to either side; differences in logit",
    "linear": "the value itself; differences in its own unit",
    "count": "log₂ of the count plus a half; a difference of 1 is a doubling",
    "time_to_event": "a time or number of trials that may be censored; differences in its own unit",
}
_BASELINES = {
    "change": "`change`: the value in the baseline phase is subtracted",
    "none": "`none`: the value itself is compared",
}
_GRAINS = {
    "interval": "computed per context interval; several of one cell are combined",
    "cell": "computed once from all intervals of a context and phase",
}
#: what an option has one value of each of, where the metric names no kinds of its own
_KINDS = {"lfp.phase_amplitude": "pair of bands (`theta-low_gamma`)", "movement.zones": "zone"}
_INDEX = """# Outcomes

Written by `make references` from the metrics' own declarations; a test keeps it in step.

An outcome id reads `metric[/band][@region[~region_b]]`: `band_power/theta@mPFC`,
`coherence/theta@CA1~mPFC`, `trials_to_criterion`. Values are measured in physical units, per
animal, session, context and phase. Scale and baseline are applied when outcomes are compared
([statistics](../statistics.md)). A cell without a value is a missing cell: it is never filled in,
and the quality chapter of the report names it.

## Scales

| scale | what is compared |
|---|---|
"""


def page_of(domain: str) -> str:
    """Return the name of a domain's page."""
    return f"outcomes_{domain}.md"


def _kinds(metric: Metric) -> str:
    """What may stand behind the slash of the metric's outcome ids; "" where nothing does."""
    names = [f"`{name}`" for name in metric.band_names]
    if not metric.per_band:
        return ""
    if "flexibility.task.rules" in metric.options:
        return ", ".join([*names, "one value per direction of a switch (`light_to_side`)"])
    if names:
        return ", ".join(names)
    for option, kind in _KINDS.items():
        if option in metric.options:
            return f"one value per {kind} of `{option}`"
    if metric.needs == ("scored",):
        return "one value per scored behaviour"
    return "one value per band of `lfp.bands`"


def _facts(metric: Metric) -> list[str]:
    unit = metric.value_unit or "none (a ratio, an index)"
    of_difference = SCALE_UNITS[metric.scale] or metric.value_unit or "the value's own unit"
    facts = [
        ("unit", unit),
        ("scale", f"{metric.scale}; smallest effects are declared in {of_difference}"),
        ("one value describes", _ENTITIES[metric.entity]),
        ("kinds", _kinds(metric)),
        ("when", _GRAINS[metric.grain]),
        ("baseline", _BASELINES[metric.baseline]),
        ("read beside it", ", ".join(f"`{name}`" for name in metric.read_with)),
        ("options", ", ".join(f"`{name}`" for name in metric.options)),
    ]  # fmt: skip
    return [f"| {name} | {words} |" for name, words in facts if words]


def _entry(metric: Metric) -> list[str]:
    return [
        f"## `{metric.name}`\n",
        f"**{metric.label}.** {_sentence(metric.description)}\n",
        f"{_sentence(_escaped(metric.definition))}\n",
        "```text",
        metric.formula,
        "```\n",
        "| property | value |",
        "|---|---|",
        *_facts(metric),
        "",
        "**When it fails**\n",
        *(f"- {_escaped(words)}" for words in metric.fails_when),
        "",
        f"**Source:** {_escaped(_source(metric))}\n",
    ]


def _source(metric: Metric) -> str:
    """Where the definition comes from, with works as the report cites them."""
    if metric.reference.startswith("in use"):
        return "in use in the field; defined in [Cognitive flexibility](../flexibility.md)"
    words = _sentence(plain(with_keys(metric.reference)))
    for page in ("flexibility.md", "models.md", "digging_and_reversal.md"):
        words = words.replace(f"docs/{page}", f"[{page.removesuffix('.md')}](../{page})")
    return words


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _escaped(text: str) -> str:
    """Keep Markdown from reading stars, bars and lower lines of formulas as its own."""
    for mark in ("*", "|", "<", "$"):
        text = text.replace(mark, f"\\{mark}")
    return text


def _reference(work: Work) -> str:
    entry = _escaped(work.entry)
    if not work.doi:
        return f"- {entry}"
    return f"- {entry.removesuffix(f'doi:{work.doi}')}[doi:{work.doi}](https://doi.org/{work.doi})"


def domain_page(domain: str) -> str:
    """Return the page of a domain."""
    title, about = DOMAINS[domain]
    members = [metric for metric in metrics().values() if metric.domain == domain]
    works = cited(with_keys(text) for m in members for text in (m.reference, m.definition))
    parts = [
        f"# Outcomes: {title.lower()}\n",
        f"{about} Written by `make references`; how to read an entry: [Outcomes](outcomes.md).\n",
    ]
    for metric in members:
        parts += _entry(metric)
    if works:
        parts += ["## References\n", *map(_reference, works), ""]
    return "\n".join(parts)


def index_page() -> str:
    """Return the page that lists all metrics."""
    parts = [_INDEX + "\n".join(f"| {name} | {words} |" for name, words in _SCALES.items()), ""]
    for domain, (title, about) in DOMAINS.items():
        parts += [
            f"## {title}\n",
            f"{about}\n",
            "| metric | unit | scale | what it is |",
            "|---|---|---|---|",
        ]
        parts += [
            f"| [`{metric.name}`]({page_of(domain)}#{metric.name}) | {metric.value_unit or '1'} "
            f"| {metric.scale} | {_escaped(metric.description)} |"
            for metric in metrics().values()
            if metric.domain == domain
        ]
        parts.append("")
    parts += ["```{toctree}", ":hidden:", "", *(page_of(domain) for domain in DOMAINS), "```", ""]
    return "\n".join(parts)
