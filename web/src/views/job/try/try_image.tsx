// One image that a network was tried on: as it is, as the network sees it, and the probability of each class.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Prediction } from "../../../api/schema";
import { percent } from "../../../format";
import type { Tried } from "./try_images";

const SHOWN_CLASSES = 5;
const THUMB = 160; // pixels of the longer side of an image as it is

/** What the network sees of an image: its size, and whether in grey. */
export interface Seen {
  width: number;
  height: number;
  grey: boolean;
}

interface TriedImageProps {
  tried: Tried;
  seen: Seen | null;
  /** Whether an answer is on its way. */
  waiting: boolean;
}

/** The image and what was made of it. */
export function TriedImage({ tried, seen, waiting }: TriedImageProps) {
  const bitmap = useBitmap(tried.file);
  const name = tried.file.name || "pasted image";
  return (
    <li class="tried">
      <div class="pictures">
        {bitmap && <Picture bitmap={bitmap} label={name} seen={null} />}
        {bitmap && seen && <Picture bitmap={bitmap} label={`${name}, as the network sees it`} seen={seen} />}
      </div>
      <div class="made-of-it">
        <p class="file">{name}</p>
        {tried.fault !== null && <p class="problem">{tried.fault}</p>}
        {tried.prediction && <Bars prediction={tried.prediction} />}
        {!tried.prediction && tried.fault === null && (
          <p class="soft">{waiting ? "Waiting for an answer" : "No answer"}</p>
        )}
      </div>
    </li>
  );
}

function useBitmap(file: File): ImageBitmap | null {
  const [bitmap, setBitmap] = useState<ImageBitmap | null>(null);
  useEffect(() => {
    let wanted = true;
    let made: ImageBitmap | null = null;
    createImageBitmap(file)
      .then((next) => {
        made = next;
        if (wanted) setBitmap(next);
        else next.close();
      })
      .catch(() => undefined); // no image that this browser can show; the service says what is wrong with it
    return () => {
      wanted = false;
      made?.close();
    };
  }, [file]);
  return bitmap;
}

function Picture({ bitmap, label, seen }: { bitmap: ImageBitmap; label: string; seen: Seen | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context) return;
    const shrink = Math.min(1, THUMB / Math.max(bitmap.width, bitmap.height));
    const size = seen ?? { width: bitmap.width * shrink, height: bitmap.height * shrink, grey: false };
    canvas.current.width = Math.max(1, Math.round(size.width));
    canvas.current.height = Math.max(1, Math.round(size.height));
    // the shorter side is resized, and the centre cut out
    const scale = Math.max(canvas.current.width / bitmap.width, canvas.current.height / bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    context.imageSmoothingQuality = "high";
    context.filter = size.grey ? "grayscale(1)" : "none";
    context.drawImage(bitmap, (canvas.current.width - width) / 2, (canvas.current.height - height) / 2, width, height);
  }, [bitmap, seen]);
  return <canvas ref={canvas} role="img" aria-label={label} title={label} class={seen ? "seen" : undefined} />;
}

function Bars({ prediction }: { prediction: Prediction }) {
  const [all, setAll] = useState(false);
  const ranked = Object.entries(prediction.probabilities).toSorted(([, one], [, other]) => other - one);
  const shown = all ? ranked : ranked.slice(0, SHOWN_CLASSES);
  return (
    <>
      <table class="bars">
        <caption class="sr">Probability of each class</caption>
        <tbody>
          {shown.map(([name, probability]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="track" aria-hidden="true">
                <span style={{ width: `${100 * probability}%` }} />
              </td>
              <td class="right">{percent(probability)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {ranked.length > SHOWN_CLASSES && (
        <button type="button" class="quiet" onClick={() => setAll(!all)}>
          {all ? "Fewer" : `All ${ranked.length} classes`}
        </button>
      )}
    </>
  );
}
