"""Models of choices: reinforcement learning, explore/exploit states, the observer of rules.

- :func:`~pipeline.flexibility.models.choices.session_choices`: a scored session as the models read
  it;
- :mod:`~pipeline.flexibility.models.reinforcement`,
  :mod:`~pipeline.flexibility.models.explore_exploit`,
  :mod:`~pipeline.flexibility.models.rule_observer` and :mod:`~pipeline.flexibility.models.null`
  each declare a ``MODEL``;
- :func:`~pipeline.flexibility.models.fitting.fit_map`: single sessions under a fixed prior;
- :func:`~pipeline.flexibility.models.shrinkage.fit_cohort`: all sessions under one estimated prior;
- :mod:`~pipeline.flexibility.models.validation`: does a model describe the choices?

Definitions, priors, recovery and what not to conclude: docs/models.md.
"""
