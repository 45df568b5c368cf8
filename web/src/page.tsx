// The whole page: the frame, and in it the view of the place that is shown, or the form to sign in.

import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { decoded, href, place } from "./address";
import { service } from "./api/client";
import { Frame } from "./frame";
import { Boundary } from "./parts/messages/boundary";
import { Empty } from "./parts/messages/empty";
import { listenToKeys } from "./parts/popups/keys";
import { recognise, viewer } from "./state/session";
import { countRunning } from "./state/title";
import { compareVersions, reloadOnce } from "./state/version";
import { ROUTES, type ViewProps } from "./views";
import { SignIn } from "./views/sign_in/view";

interface Shown {
  view: ComponentType<ViewProps>;
  match: string;
}

const RETRY_SECONDS = 2;

/** The page; it goes on by itself when the service comes back. */
export function Page() {
  const path = place.value.path;
  const state = service.value;
  useEffect(listenToKeys, []);
  useEffect(countRunning, []);
  useEffect(() => {
    if (state !== "open") return;
    recognise().catch(() => undefined); // `service` says what went wrong
    void compareVersions();
  }, [state]);
  return (
    <Frame>
      {state === "signed_out" && <SignIn />}
      {(state !== "signed_out" || viewer.value) && (
        <Boundary of={path}>
          <View />
        </Boundary>
      )}
    </Frame>
  );
}

/** The view of the place that is shown; the one before stays until its code is there. */
function View() {
  const shown = useSignal<Shown | null>(null);
  const failed = useSignal(false);
  const path = place.value.path;
  const route = ROUTES.find(({ pattern }) => pattern.test(path));

  useEffect(() => {
    let wanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    async function load(): Promise<void> {
      try {
        const loaded = await route?.load();
        if (!wanted || !loaded || !route) return;
        failed.value = false;
        shown.value = { view: loaded.View, match: decoded(route.pattern.exec(path)?.[1] ?? "") };
      } catch (error) {
        if (!wanted) return;
        await recognise().catch(() => undefined); // is the service away, or this code of an older page?
        if (service.value === "open" && reloadOnce()) return;
        if (!(error instanceof Error)) throw error;
        failed.value = true;
        timer = setTimeout(() => void load(), RETRY_SECONDS * 1000);
      }
    }
    void load();
    return () => {
      wanted = false; // another place was asked for while the code was on its way
      clearTimeout(timer);
    };
  }, [path]);

  if (!route) return <Nowhere path={path} />;
  if (failed.value)
    return (
      <Empty alone title="This view's code did not arrive">
        The page tries again by itself.
      </Empty>
    );
  const Loaded = shown.value?.view;
  return Loaded ? <Loaded match={shown.value?.match ?? ""} /> : null;
}

function Nowhere({ path }: { path: string }) {
  return (
    <Empty alone title="Nothing is here">
      <p>
        The page has no view at <code>{path}</code>.
      </p>
      <a class="button" href={href("/")}>
        All jobs
      </a>
    </Empty>
  );
}
