"""Named series of numbers, what they are in each library, and the curves made of them."""
