"""The vectors of the formats: what is valid, and one fault at a time of what is not.

Everything is derived from fixed labels, so that the same bytes come out on every run.
"""

import cases_chain
import cases_clear
import cases_columns
import cases_files
import cases_sealed
from case_kit import CASES

__all__ = ["CASES"]

for make in (
    cases_sealed.records,
    cases_sealed.values,
    cases_sealed.contexts,
    cases_sealed.keyrings,
    cases_files.two_tiers,
    cases_files.streams,
    cases_chain.logs,
    cases_chain.snapshots,
    cases_chain.anchors,
    cases_clear.protectors,
    cases_clear.audit_lines,
    cases_columns.cells,
    cases_columns.envelopes,
    cases_columns.manifests,
    cases_columns.type_names,
):
    make()
