"""Patients whose images and labels are NIfTI files: ACDC, M&Ms, M&Ms-2, raw data of nnU-Net."""
