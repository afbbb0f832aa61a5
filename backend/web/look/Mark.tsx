// Marks carry a shape and a word besides their colour.

/** Triangle: something is wrong with the row. */
export function Triangle({ label }: { readonly label: string }) {
  return (
    <svg class="st-mark is-2" viewBox="0 0 20 20" role="img" aria-label={label}>
      <path d="M10 1.5L19 18.5H1z" stroke-linejoin="round" />
      <text x="10" y="16.6">
        !
      </text>
    </svg>
  );
}

/** Diamond: something is still missing. */
export function Diamond({ label }: { readonly label: string }) {
  return (
    <svg class="st-mark is-3" viewBox="0 0 20 20" role="img" aria-label={label}>
      <path d="M10 1L19 10L10 19L1 10z" />
    </svg>
  );
}

/** Tick: in order. */
export function Tick() {
  return (
    <svg class="st-mark is-ok" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M2.5 8.4l3.6 3.6L13.5 4.4" fill="none" stroke-width="2.5" />
    </svg>
  );
}

const SHAPES = {
  1: <path d="M6 1h8l5 5v8l-5 5H6l-5-5V6z" />,
  2: <path d="M10 1.5L19 18.5H1z" stroke-linejoin="round" />,
  3: <path d="M10 1L19 10L10 19L1 10z" />,
  4: <circle cx="10" cy="10" r="8.5" />,
  5: <rect x="3" y="3" width="14" height="14" rx="1" />,
} as const;

/** A priority: shape, number and colour; "NOT" stands for an emergency where there is room. */
export function Prio({ of, sign }: { readonly of: 1 | 2 | 3 | 4 | 5; readonly sign?: string }) {
  return (
    <svg class={`st-mark is-${of}`} viewBox="0 0 20 20" role="img" aria-label={`Priorität ${of}`}>
      {SHAPES[of]}
      <text x="10" y={of === 2 ? "16.6" : "14.2"}>
        {sign ?? of}
      </text>
    </svg>
  );
}
