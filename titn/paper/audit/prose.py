"""Numbers that only the paper's prose has. What it repeats from tables is in tables/prose.csv."""

# Section 4.2, MNIST: by how much TITN is better, and the decimals of the print in percent.
MNIST_LEADS = {"ViT": (0.001, 1), "DeiT": (0.0004, 2), "TNT": (0.001, 1)}

# Section 4.2, figures 4 and 5: accuracies with more than two decimals, and how many.
FINE_ACCURACIES = {
    "VGG16-BN under SGD (figure 5)": (0.798017, 4),
    "VGG16-BN under RMSprop (figure 5)": (0.7340761, 5),
    "SqueezeNet (figure 4)": (0.42336, 3),
}

# Section 4.1, and what else test images are usually evaluated with.
BATCH_SIZE = 1024
BATCH_SIZES = (16, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1000, BATCH_SIZE, 2048, 4096)

# Section 3.3: images in all, and the parts that they are said to be.
TEST_IMAGES = 10_000
IMAGES = {
    "MNIST: train and test": (70_000, (60_000, TEST_IMAGES)),
    "CIFAR-10: train and test": (60_000, (50_000, TEST_IMAGES)),
    "CIFAR-10: ten classes of 6,000": (60_000, (6_000,) * 10),
    "CIFAR-100: a hundred classes of 500 and 100": (60_000, (500 + 100,) * 100),
}

# Section 3.3.2.
CIFAR10_NAMED = ("truck", "ship", "frog", "horse", "airplane", "car", "cat", "deer", "dog")
