"""A gradient held against slopes of the reported loss, where the forward pass is not known.

`slopes` takes them, `met` lays the gradient beside them, `plain` says what that shows by
`penalties` and `factors`, and `by_slopes` asks for it where the loss has slopes: with the random
numbers of dropout (`masks`), of a loss told to a few `decimals`, and at `other_outputs`.
"""
