from __future__ import annotations

import pytest

from od.errors import PipelineConfigError
from od.odapi.protos import format_message, parse_pipeline
from od.shipped import shipped


@pytest.mark.parametrize(
    "path", sorted(shipped("pipeline_configs").glob("*.config")), ids=lambda p: p.stem
)
def test_a_template_survives_a_round_trip(path):
    config = parse_pipeline(path.read_text(encoding="utf-8"), name=path.name)
    assert parse_pipeline(format_message(config), name="again") == config


def test_a_broken_config_names_file_and_line():
    with pytest.raises(
        PipelineConfigError, match=r"^my\.config: is not a pipeline\.config: line 2:"
    ) as e:
        parse_pipeline("model {\n  sssd {}\n}", name="my.config")
    assert e.value.hint
