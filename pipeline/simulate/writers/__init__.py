"""Door of the writers: signals, spikes and trials with known truth, in the open formats.

Every writer takes microvolts as (time, channel) and writes what the rig of that format would have
written, so that the readers are tested against files and not against themselves. Same arguments,
same bytes, except NWB, whose object ids are random by design: there the content is the same.
"""

from pipeline.simulate.writers.axona import write_axona
from pipeline.simulate.writers.bdf import write_bdf
from pipeline.simulate.writers.blackrock import write_blackrock
from pipeline.simulate.writers.brainvision import write_brainvision
from pipeline.simulate.writers.edf import write_edf
from pipeline.simulate.writers.intan import write_intan
from pipeline.simulate.writers.neuralynx import write_neuralynx
from pipeline.simulate.writers.neuroscope import write_neuroscope
from pipeline.simulate.writers.nwb import write_nwb
from pipeline.simulate.writers.openephys import write_openephys
from pipeline.simulate.writers.phy import write_phy
from pipeline.simulate.writers.plexon import write_plexon
from pipeline.simulate.writers.spikeglx import write_spikeglx, write_spikeglx_nidq
from pipeline.simulate.writers.tdt import write_tdt

__all__ = [
    "write_axona",
    "write_bdf",
    "write_blackrock",
    "write_brainvision",
    "write_edf",
    "write_intan",
    "write_neuralynx",
    "write_neuroscope",
    "write_nwb",
    "write_openephys",
    "write_phy",
    "write_plexon",
    "write_spikeglx",
    "write_spikeglx_nidq",
    "write_tdt",
]
