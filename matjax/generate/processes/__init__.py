"""Processes: how noise comes to a part of a crystal, and how it goes.

protocol            what a process offers
joint               all parts in one state
choice              joint processes by name, on the scales of data
torus               wrapped normal distributions
pairing             noise dealt out among atoms of one kind
torus_diffusion     coordinates, by wrapped normal noise
torus_flow          coordinates, by straight ways
cartesian_diffusion coordinates, by wrapped normal noise in Å
gaussian            normal noise that preserves variance
cell_diffusion      the cell, by normal noise
cell_flow           the cell, by straight ways
discrete            noise that replaces values
element_absorbing   elements, lost and given anew
element_uniform     elements, changed into any
element_composition elements, by others of the composition
element_continuous  elements, as points with normal noise
"""

from matjax.generate.processes.cartesian_diffusion import (
    CartesianDiffusion as CartesianDiffusion,
)
from matjax.generate.processes.cell_diffusion import CellDiffusion as CellDiffusion
from matjax.generate.processes.cell_flow import CellFlow as CellFlow
from matjax.generate.processes.choice import ProcessConfig as ProcessConfig
from matjax.generate.processes.choice import Scales as Scales
from matjax.generate.processes.choice import data_scales as data_scales
from matjax.generate.processes.choice import joint_process as joint_process
from matjax.generate.processes.element_absorbing import (
    ElementAbsorbing as ElementAbsorbing,
)
from matjax.generate.processes.element_composition import (
    ElementComposition as ElementComposition,
)
from matjax.generate.processes.element_continuous import (
    ElementContinuous as ElementContinuous,
)
from matjax.generate.processes.element_uniform import ElementUniform as ElementUniform
from matjax.generate.processes.joint import Decoded as Decoded
from matjax.generate.processes.joint import JointProcess as JointProcess
from matjax.generate.processes.joint import Parts as Parts
from matjax.generate.processes.joint import State as State
from matjax.generate.processes.joint import edgeless_graph as edgeless_graph
from matjax.generate.processes.joint import parts_of as parts_of
from matjax.generate.processes.protocol import Continuous as Continuous
from matjax.generate.processes.protocol import Corrupted as Corrupted
from matjax.generate.processes.protocol import Process as Process
from matjax.generate.processes.protocol import Scored as Scored
from matjax.generate.processes.torus_diffusion import TorusDiffusion as TorusDiffusion
from matjax.generate.processes.torus_flow import TorusFlow as TorusFlow
