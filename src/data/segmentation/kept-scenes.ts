/** Decoded scenes in memory, so that each is decoded once where there is room for all. */
import type { Scene, SceneSource } from './scenes.js';

/** Bytes that decoded scenes may take: ours. CamVid's 367 of 480 x 360 take 254 MB. */
export const sceneMemory = 1024 ** 3;

/** Room that several sources share. */
export interface SceneRoom {
  /** Bytes that are left. */
  left: number;
}

/**
 * A source whose scenes stay in memory once they were decoded, as long as there is room; those for which there is
 * none are decoded each time that they are asked for.
 * @param room bytes, or room shared with other sources, which is used up
 */
export function keepDecoded(
  source: SceneSource,
  room: number | SceneRoom = sceneMemory,
): SceneSource {
  const shared = typeof room === 'number' ? { left: room } : room;
  const kept = new Map<number, Scene>();
  return {
    count: source.count,
    name: (index) => source.name(index),
    async decode(index) {
      const before = kept.get(index);
      if (before) return before;
      const scene = await source.decode(index);
      const size = scene.image.pixels.length + scene.mask.ids.length;
      if (size <= shared.left && !kept.has(index)) {
        shared.left -= size;
        kept.set(index, scene);
      }
      return scene;
    },
  };
}
