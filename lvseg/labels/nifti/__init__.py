"""Patients whose images and labels are NIfTI files: ACDC, M&Ms, raw data of nnU-Net."""
