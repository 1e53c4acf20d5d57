"""Networks, and nothing else: no loss, no data, no plotting."""

from math import prod

from torch import Tensor, nn


class FullyConnectedAutoencoder(nn.Module):
    """The homework's autoencoder: one layer in, one layer out.

    Parameters
    ----------
    image_shape : (channels, height, width)
    latent_dim : int
        Number of latent elements.

    Notes
    -----
    With the defaults it has 25,179,136 parameters, and a homework checkpoint loads into it with
    ``load_state_dict(…, strict=True)``. The ReLU keeps every latent element at zero or above.
    """

    def __init__(self, image_shape: tuple[int, int, int] = (3, 64, 64), latent_dim: int = 1024):
        super().__init__()
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        pixels = prod(image_shape)
        self.encoder = nn.Sequential(nn.Linear(pixels, latent_dim), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(latent_dim, pixels), nn.Tanh())

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] to codes (B, latent_dim)."""
        if x.shape[1:] != self.image_shape:
            raise ValueError(
                f"The encoder got shape {tuple(x.shape)}, but expects (batch, "
                f"{', '.join(map(str, self.image_shape))}): transform the pictures first, and "
                "use x[None] for a single one."
            )
        return self.encoder(x.flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latent_dim) to pictures (B, C, H, W)."""
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                f"The decoder got shape {tuple(z.shape)}, but expects (batch, {self.latent_dim}): "
                "pass codes as encode gives them."
            )
        return self.decoder(z).unflatten(1, self.image_shape)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


class LinearAutoencoder(FullyConnectedAutoencoder):
    """The same two layers without their non-linearities: what it can learn is what PCA knows."""

    def __init__(self, image_shape: tuple[int, int, int] = (3, 64, 64), latent_dim: int = 1024):
        super().__init__(image_shape, latent_dim)
        self.encoder, self.decoder = self.encoder[:1], self.decoder[:1]
