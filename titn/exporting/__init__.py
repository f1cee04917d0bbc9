"""A finished run in the forms that other tools read: ONNX, torch.export, Hugging Face, timm.

It imports cells, profiling and what is below them.
"""
