"""Links to the public maps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import maps


def test_map_links_have_the_forms_that_phones_open() -> None:
    assert maps.google_link(36.115123, 137.954321) == (
        "https://www.google.com/maps/search/?api=1&query=36.11512%2C137.95432"
    )
    assert maps.gsi_link(36.115123, 137.954321) == (
        "https://maps.gsi.go.jp/#17/36.115123/137.954321/&base=std&ls=std&disp=1&vs=c1"
    )
    assert maps.coordinates(-0.5, 7) == "-0.50000,7.00000"


@given(st.floats(), st.floats())
def test_a_link_is_made_for_places_on_earth_and_for_nothing_else(lat: float, lon: float) -> None:
    on_earth = -90 <= lat <= 90 and -180 <= lon <= 180
    for form in (maps.coordinates, maps.google_link, maps.gsi_link):
        if on_earth:
            assert "nan" not in form(lat, lon)
        else:
            with pytest.raises(ValueError, match="not a place"):
                form(lat, lon)
