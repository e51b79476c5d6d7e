"""What every public entry point takes: from the registry of cases, and by hand for the others."""

from parity_tests.arguments.entries.baselines import baseline_entries
from parity_tests.arguments.entries.data import data_entries
from parity_tests.arguments.entries.files import file_entries
from parity_tests.arguments.entries.initializers import initializer_entries
from parity_tests.arguments.entries.lab import lab_entries
from parity_tests.arguments.entries.layers import layer_entries
from parity_tests.arguments.entries.losses import loss_entries
from parity_tests.arguments.entries.networks import network_entries
from parity_tests.arguments.entries.optimizers import average_entries, optimizer_entries
from parity_tests.arguments.entries.schedules import schedule_entries
from parity_tests.arguments.entries.training import training_entries
from parity_tests.arguments.trying import Entry


def all_entries() -> list[Entry]:
    """Return every entry point that is declared."""
    return [
        *network_entries(),
        *layer_entries(),
        *loss_entries(),
        *optimizer_entries(),
        *average_entries(),
        *schedule_entries(),
        *initializer_entries(),
        *training_entries(),
        *data_entries(),
        *baseline_entries(),
        *file_entries(),
        *lab_entries(),
    ]
