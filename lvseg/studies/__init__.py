"""From a study, as the scanner wrote it and without contours, to masks, volumes and an ejection fraction.

`analysis` measures one study, `outputs` writes what was measured, `cohort` does thousands of studies.
"""
