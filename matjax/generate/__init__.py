"""Score-based generation of crystals: from noise to atoms in a cell.

cells        cells as six numbers that no rotation changes
denoising    networks as denoisers, and the losses that train them
latent       networks whose noise comes after a latent
latent_space into it, out of it, and along a property in it
sampler      from noise to crystals
conditions   what a network was trained to be asked for
constraints  cell, atoms and space group that samples have
steering     samplers steered by a potential's forces and phonons
refinement   samples relaxed, ranked and symmetrised
orbits       atoms on Wyckoff positions, on which they stay
coverage     what a generator was trained on
evaluate     how good samples are
rows         samples side by side
generator    trained networks with their process
storage      generators as files
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.generate.conditions import condition_labels as condition_labels
    from matjax.generate.conditions import condition_scales as condition_scales
    from matjax.generate.constraints import Constraints as Constraints
    from matjax.generate.coverage import Coverage as Coverage
    from matjax.generate.denoising import EXAMPLE as EXAMPLE
    from matjax.generate.denoising import DenoiserModel as DenoiserModel
    from matjax.generate.denoising import denoiser as denoiser
    from matjax.generate.denoising import denoising_labels as denoising_labels
    from matjax.generate.denoising import denoising_losses as denoising_losses
    from matjax.generate.denoising import loss_weights as loss_weights
    from matjax.generate.generator import Generator as Generator
    from matjax.generate.generator import Recipe as Recipe
    from matjax.generate.generator import Sampled as Sampled
    from matjax.generate.latent import LatentModel as LatentModel
    from matjax.generate.latent import property_settings as property_settings
    from matjax.generate.latent import require_process as require_process
    from matjax.generate.latent_space import decode_latents as decode_latents
    from matjax.generate.latent_space import encode_latents as encode_latents
    from matjax.generate.latent_space import optimize_latents as optimize_latents
    from matjax.generate.latent_space import property_of as property_of
    from matjax.generate.latent_space import sample_latents as sample_latents
    from matjax.generate.processes import JointProcess as JointProcess
    from matjax.generate.processes import ProcessConfig as ProcessConfig
    from matjax.generate.processes import Scales as Scales
    from matjax.generate.processes import data_scales as data_scales
    from matjax.generate.processes import joint_process as joint_process
    from matjax.generate.sampler import SamplerConfig as SamplerConfig
    from matjax.generate.sampler import Samples as Samples
    from matjax.generate.sampler import guided as guided
    from matjax.generate.sampler import make_sampler as make_sampler
    from matjax.generate.sampler import sample as sample
    from matjax.generate.sampler import sample_keys as sample_keys
    from matjax.generate.steering import Steering as Steering
    from matjax.generate.storage import covering_generator as covering_generator
    from matjax.generate.storage import load_generator as load_generator
    from matjax.generate.storage import save_generator as save_generator

import_when_used(__name__)
