"""Groups of runs, their scores, reference scores and which runs are comparable."""
