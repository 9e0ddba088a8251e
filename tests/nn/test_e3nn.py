"""Networks are at hand without e3nn, which comes when one is traced."""

import subprocess
import sys
import textwrap

from matjax.nn.e3nn import e3nn


def test_it_is_the_package():
    import e3nn_jax

    assert e3nn.Irreps is e3nn_jax.Irreps


def test_a_network_is_made_without_it():
    script = """
        import sys
        from matjax.models import make_model
        make_model({"name": "nequip", "species": [14]})
        assert "e3nn_jax" not in sys.modules
    """
    script = textwrap.dedent(script)
    subprocess.run([sys.executable, "-c", script], check=True)
