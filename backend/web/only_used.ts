// KERN is 335 kB for all its components; a page carries only those that it uses.

/** Blocks of KERN that some page of ours uses, and its themes. What a screen begins to use is added here. */
const USED = new Set(["kern-btn", "kern-form-input", "kern-label", "kern-dark", "kern-light"]);

interface Rule {
  selectors: string[];
  source?: { input: { file?: string } };
  remove(): void;
}

function isUsed(selector: string): boolean {
  const names = selector.match(/\.kern-[a-z0-9_-]+/g) ?? [];
  return names.every((name) => USED.has(name.slice(1).replace(/(__|--).*/, "")));
}

/** PostCSS plugin: of KERN's sheet, selectors that name another component are left out. */
export const onlyUsed = {
  postcssPlugin: "only-used",
  Rule(rule: Rule): void {
    if (!rule.source?.input.file?.includes("@kern-ux")) return;
    const kept = rule.selectors.filter(isUsed);
    if (kept.length === 0) rule.remove();
    else if (kept.length < rule.selectors.length) rule.selectors = kept;
  },
  AtRule(rule: { nodes?: unknown[]; name: string; remove(): void }): void {
    if (rule.name === "media" && rule.nodes?.length === 0) rule.remove();
  },
};
