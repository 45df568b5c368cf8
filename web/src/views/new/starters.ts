// What a thing that somebody adds begins with: values that fit most networks, so that it works at once.

import type { JsonObject } from "./form/document";

/** A small convolutional network to begin one's own from. */
export const OWN_NETWORK: JsonObject = {
  kind: "layers",
  layers: [
    { kind: "conv2d", out_channels: 32, kernel_size: 3, padding: 1 },
    { kind: "batchnorm" },
    { kind: "relu" },
    { kind: "maxpool2d", kernel_size: 2 },
    { kind: "flatten" },
    { kind: "linear" },
  ],
};

/** The network that each kind of architecture begins with. */
export const NETWORKS: Record<string, JsonObject> = {
  layers: OWN_NETWORK,
  mlp: { kind: "mlp", hidden: [512] },
  torchvision: { kind: "torchvision", network: "resnet18" },
};

/** A new layer or augmentation of a kind; `channels` are those of its input, where they are known. */
export function starter(kind: string, channels = 32): JsonObject {
  const convolution = { kind: "conv2d", out_channels: channels, kernel_size: 3, padding: 1 };
  const values: Record<string, JsonObject> = {
    linear: { out_features: 128 },
    conv2d: { ...convolution, out_channels: 32 },
    maxpool2d: { kernel_size: 2 },
    avgpool2d: { kernel_size: 2 },
    groupnorm: { num_groups: channels % 8 === 0 ? 8 : 1 },
    scale: { factor: 1 },
    whitening: { kernel_size: 2 },
    residual: { layers: [convolution, { kind: "batchnorm" }, { kind: "relu" }] },
    color_jitter: { brightness: 0.2, contrast: 0.2 },
  };
  return { kind, ...values[kind] };
}
