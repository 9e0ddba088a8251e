"""Studies: experiments found by name, run into folders, shown to users.

training        a training as experiments set it up
catalog         experiments and configurations by name
help_text       keys of a study with units and defaults
messages        what the command says when something fails
predict         properties of many files
run             what a study writes
shared_run      a run that several processes share
run_folder      output folders that are whole or resumable
structures      crystals as configurations name them
polarity        Born charges as configurations name them
phonon_sources  phonons of a potential or of phonopy's files
rest            crystals in their primitive cell and at rest, from which studies start
screen          what a screen leaves behind
judging         how good samples of generators are
sampling        samples of a trained generator as files
generation      a generator before its training
candidates      what a prediction of crystals leaves behind
distill         a distillation as experiments set it up
properties      parts of data, ensembles and how sure they are
property_training  networks for properties, trained as studies ask for it
baselines       what simple predictors achieve
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.studies.baselines import baseline_errors as baseline_errors
    from matjax.studies.candidates import save_candidates as save_candidates
    from matjax.studies.candidates import save_way as save_way
    from matjax.studies.distill import TeachingConfig as TeachingConfig
    from matjax.studies.distill import copies_per_device as copies_per_device
    from matjax.studies.distill import save_judgment as save_judgment
    from matjax.studies.help_text import entries as entries
    from matjax.studies.help_text import manual as manual
    from matjax.studies.judging import Truth as Truth
    from matjax.studies.judging import judge_energies as judge_energies
    from matjax.studies.judging import judge_new as judge_new
    from matjax.studies.judging import judge_predicted as judge_predicted
    from matjax.studies.messages import message as message
    from matjax.studies.phonon_sources import are_phonopy_files as are_phonopy_files
    from matjax.studies.phonon_sources import (
        frequencies_by_displacements as frequencies_by_displacements,
    )
    from matjax.studies.phonon_sources import phonons_at_rest as phonons_at_rest
    from matjax.studies.phonon_sources import phonons_of_files as phonons_of_files
    from matjax.studies.polarity import Polar as Polar
    from matjax.studies.predict import available_predictors as available_predictors
    from matjax.studies.predict import named_predictors as named_predictors
    from matjax.studies.predict import predict_files as predict_files
    from matjax.studies.predict import write_table as write_table
    from matjax.studies.properties import Judged as Judged
    from matjax.studies.properties import Parts as Parts
    from matjax.studies.properties import calibration as calibration
    from matjax.studies.properties import crystals_per_second as crystals_per_second
    from matjax.studies.properties import draw_judged as draw_judged
    from matjax.studies.properties import errors_of as errors_of
    from matjax.studies.properties import in_logarithms as in_logarithms
    from matjax.studies.properties import judged as judged
    from matjax.studies.properties import label_values as label_values
    from matjax.studies.properties import parts_of_data as parts_of_data
    from matjax.studies.properties import require_classes as require_classes
    from matjax.studies.properties import scale_and_shift as scale_and_shift
    from matjax.studies.property_training import PropertyConfig as PropertyConfig
    from matjax.studies.property_training import property_data as property_data
    from matjax.studies.property_training import property_labels as property_labels
    from matjax.studies.property_training import train_properties as train_properties
    from matjax.studies.rest import Rest as Rest
    from matjax.studies.rest import brought_to_rest as brought_to_rest
    from matjax.studies.rest import reduced as reduced
    from matjax.studies.run import Run as Run
    from matjax.studies.run import new_folder as new_folder
    from matjax.studies.run_folder import CONFIG as CONFIG
    from matjax.studies.run_folder import INNER as INNER
    from matjax.studies.run_folder import METRICS as METRICS
    from matjax.studies.run_folder import RunFolder as RunFolder
    from matjax.studies.sampling import Sampling as Sampling
    from matjax.studies.sampling import Steer as Steer
    from matjax.studies.sampling import sample_and_judge as sample_and_judge
    from matjax.studies.sampling import save_samples as save_samples
    from matjax.studies.screen import save_screen as save_screen
    from matjax.studies.structures import CrystalConfig as CrystalConfig
    from matjax.studies.structures import PathDescription as PathDescription
    from matjax.studies.structures import Prototype as Prototype
    from matjax.studies.structures import described_crystal as described_crystal
    from matjax.studies.structures import described_path as described_path
    from matjax.studies.structures import with_fixed as with_fixed
    from matjax.studies.structures import with_masses as with_masses
    from matjax.studies.training import Data as Data
    from matjax.studies.training import Judgment as Judgment
    from matjax.studies.training import fit_graphs as fit_graphs
    from matjax.studies.training import judge as judge
    from matjax.studies.training import new_potential as new_potential
    from matjax.studies.training import process_share as process_share

import_when_used(__name__)
