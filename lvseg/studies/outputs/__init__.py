"""What is written of a study.

`study_folder` writes all of it: `study_record` (`measurements.json`), `study_page` with `montage` and `volume_curve`,
`movie`, `dicom_seg`, `nifti` and `contours_text`. `tiles` draws one frame of montage and movie. `measurements_table`
puts the records of many studies into one table.
"""
