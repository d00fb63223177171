"""What runs are compared by: groups, scores, reference scores, comparable environments."""
