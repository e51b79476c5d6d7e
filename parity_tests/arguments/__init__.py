"""Wrong and unusual arguments, for every public function, class and method.

`entries` declares what each takes, `values` makes what it is given instead, `trying` gives it that
and judges what comes back, and `public` sees to it that nothing public is left out.
"""
