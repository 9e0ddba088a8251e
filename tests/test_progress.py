"""Progress: a bar, none, or a wrapper of the caller's."""

from tqdm import tqdm

from matjax.progress import progress_of


def test_true_is_a_bar_and_false_and_none_are_none():
    assert progress_of(True) is tqdm
    assert progress_of(False) is None
    assert progress_of(None) is None


def test_a_wrapper_stays_what_it_is():
    def doubled(steps, description):
        return [description, *steps]

    found = progress_of(doubled)
    assert found is not None
    assert list(found([1, 2], "bands")) == ["bands", 1, 2]
