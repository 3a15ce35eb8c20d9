"""The report: figures, cohort page, session pages, methods text.

==========================  =====================================================================
module                      does
==========================  =====================================================================
numbers, names, slug        the one way in which numbers, labels and file names are written
lookup                      rows of contrasts.tsv as records
curve_words                 what the tables of curves and maps call their rows
sentences                   a verdict in plain words; feeds answer and captions
alternatives                short alternative texts: what a figure is, verdicts, estimates and n
assembly                    panels and figures put together as plain specifications
style                       colours of conditions, shapes of contexts, the look of every chart
views, marks, estimation    one outcome: what is shown, the marks' records, the chart
survival, spectra,          Kaplan-Meier curves; differences of spectra, and time courses of band
spectra_chart,              power, with their clusters
time_courses,
time_courses_chart,
cluster_tests
calibration                 error rates of this cohort and of its designs
tested, beside              tables of tests; what stands under a verdict and never decides
figures                     charts as files
matrix, whiskers, splits,   parts of the cohort page as plain records
design_tables, timeline,
chapters, methods,
methods_statistics
embed, page, templates/     the pages
session_page, session_files,
session_index,              one page per session, and the index of them
session_timeline,
session_charts,
session_spectrogram,
session_tables, png
==========================  =====================================================================

Importing this package imports nothing heavy; Altair and pandas come with the first call.
"""

from pipeline.report.figures import write_figures
from pipeline.report.methods import methods_text
from pipeline.report.page import write_report, write_run_page
from pipeline.report.sentences import verdict_sentence
from pipeline.report.session_index import write_session_index
from pipeline.report.session_page import SessionPage, read_session, write_session_pages
from pipeline.report.slug import slug

__all__ = [
    "SessionPage",
    "methods_text",
    "read_session",
    "slug",
    "verdict_sentence",
    "write_figures",
    "write_report",
    "write_run_page",
    "write_session_index",
    "write_session_pages",
]
