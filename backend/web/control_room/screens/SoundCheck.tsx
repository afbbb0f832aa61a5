// Prüfton: Browser spielen nichts ohne eine erste Berührung. Wer den Ton nicht hört, hört auch keinen Alarm.
import { useEffect, useRef, useState } from "preact/hooks";
import { canSound, confirm, test } from "../state/sound.ts";

export function SoundCheck() {
  const [isPlayed, setPlayed] = useState(false);
  const yes = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isPlayed) yes.current?.focus();
  }, [isPlayed]);
  const play = (): void => {
    void test().then(() => setPlayed(true));
  };
  return (
    <section class="cr-check" aria-label="Prüfton">
      <p>
        <b>Dieser Platz ist nicht besetzt.</b>{" "}
        {isPlayed
          ? canSound.value
            ? "Haben Sie drei steigende Töne gehört?"
            : "Der Browser gibt keinen Ton aus. Lautsprecher und Einstellungen des Browsers prüfen."
          : "Alarme erscheinen, aber erst der Prüfton zeigt, dass Sie sie auch hören."}
      </p>
      {isPlayed && canSound.value && (
        <button type="button" class="cr-btn is-main" ref={yes} onClick={confirm}>
          Gehört, Platz besetzen
        </button>
      )}
      <button type="button" class={`cr-btn ${isPlayed ? "" : "is-main"}`} onClick={play}>
        {isPlayed ? "Noch einmal" : "Prüfton abspielen"}
      </button>
    </section>
  );
}
