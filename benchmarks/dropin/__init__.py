"""Time and memory of Model.predict for each kind of input, beside LightGBM."""
