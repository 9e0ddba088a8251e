"""Settings of a screen travel as plain JSON and come back the same."""

import json

from matjax.screening import ScreenSettings


def test_settings_come_back_from_json():
    given = ScreenSettings(fmax=0.01, symmetry=True)
    assert ScreenSettings(**json.loads(json.dumps(given.plain()))) == given
