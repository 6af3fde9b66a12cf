from od.inspect_records import inspect_records
from od.report.records_page import records_page
from page_tags import parsed
from record_files import A, B, recorded, write_file


def test_the_page_shows_counts_and_samples_and_fetches_nothing(records):
    text = records_page(inspect_records([records]))
    tags = parsed(text)

    assert tags.pictures == 5
    assert all(link.startswith("data:image/jpeg") for link in tags.links)
    assert "<b>dog</b>" not in text
    assert "a &lt;b&gt;dog" in text
    assert "120 x 90" in text


def test_at_most_sixteen_samples_are_drawn(tmp_path):
    file = tmp_path / "many.record"
    write_file(file, [recorded([(1, A), (2, B)], name=f"{i}.png") for i in range(40)])

    assert parsed(records_page(inspect_records([file]))).pictures == 16


def test_an_image_that_cannot_be_decoded_is_a_sentence_on_the_page(tmp_path):
    from dataclasses import replace

    file = tmp_path / "broken.record"
    whole = recorded([(1, A)], name="broken.png")
    write_file(file, [replace(whole, encoded=whole.encoded[:60])])
    text = records_page(inspect_records([file]))

    assert "broken.png" in text
    assert parsed(text).pictures == 0
