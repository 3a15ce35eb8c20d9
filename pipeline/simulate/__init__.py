"""Recordings, logs and sessions with known truth, for the sample experiment and for tests.

- :func:`~pipeline.simulate.signals.simulate_lfp`: background and rhythms of known power;
- :func:`~pipeline.simulate.spiking.simulate_units`: units of known rate and locking;
- :func:`~pipeline.simulate.agent.simulate_trials`: set-shifting of an agent of known flexibility;
- :func:`~pipeline.simulate.movement.simulate_bouts`: rest and walking in known proportion;
- :mod:`pipeline.simulate.sample`: the sample experiment, made of these;
- :mod:`pipeline.simulate.writers`: the open formats.
"""
