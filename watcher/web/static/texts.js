// Sentences that several screens say, and how the page speaks: texts out of the language's catalogue, which a script
// before this one has left, and how numbers, times and weeks are written. The server says which it is (`page/language.py`).

const { lang, dataset } = document.documentElement;

export const language = lang;
export const locale = lang === "en" ? "en-GB" : lang; // of dates: the day stands before the month
export const twelve = "twelve" in dataset; // hours from 1 to 12
export const week = Number(dataset.week); // the day it begins with, as ISO 8601 numbers it: 1 is Monday
const catalogue = globalThis.catalogue ?? {}, plurals = new Intl.PluralRules(lang), FORMS = ["one", "few"];

export const number = (value) => value.toLocaleString(lang);

const filled = (text, values) => text.replace(/%(?:\((\w+)\)s|%)/g, (sign, name) => {
  const value = name === undefined ? "%" : values[name];
  return typeof value === "number" ? number(value) : value;
});

/** A text, with values in it (`%(name)s`; `%%` is a percent sign); numbers are written as the language does. */
export const _ = (text, values = {}) => filled(catalogue[text] ?? text, values);

/** What the API says, in the page's language where its catalogue knows it; as it is where not. */
export const translated = (text) => catalogue[text] ?? text;

/** A text with a number in it, `%(count)s`, by which its form goes. */
export function ngettext(single, several, count, values = {}) {
  const forms = catalogue[single] ?? [single, several];
  return filled(forms.at(FORMS.indexOf(plurals.select(count))), { count, ...values }); // what has no form of its own has the last
}

/** A number of a unit in words: "33 minutes". */
export const amount = (count, unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(count);

// — what is said —

const clips = (count) => ngettext("%(count)s clip", "%(count)s clips", count);
const percent = (share) => (share ? _("%(share)s %%", { share: Math.round(share * 100) }) : "");

export const texts = {
  newClips: (count) => `▲ ${ngettext("%(count)s new clip", "%(count)s new clips", count)}`,
  manyNewClips: `▲ ${_("Many new clips")}`,
  arriving: (count) => ngettext("%(count)s arriving", "%(count)s arriving", count),
  offline: (since) => _("Not connected since %(since)s · retrying", { since }),
  cannotLoadNewer: _("Couldn’t load newer clips"),
  cannotLoadOlder: _("Couldn’t load older clips"),
  cannotJump: _("Couldn’t get there. Try again."),
  retry: _("Retry"),
  clipsOn: (day, count, more) => `${day}, ${more ? ngettext("%(count)s+ clips", "%(count)s+ clips", count) : count ? clips(count) : _("no clips")}`,
  clips,
  show: (count, more) => (more ? ngettext("Show %(count)s+ clip", "Show %(count)s+ clips", count) : ngettext("Show %(count)s clip", "Show %(count)s clips", count)),
  ofDay: (count) => ngettext("%(count)s clip that day", "%(count)s clips that day", count),
  seconds: (count) => ngettext("%(count)s second", "%(count)s seconds", count),
  rail: _("Days with clips"),
  selection: _("Selected clips"),
  selected: (count) => ngettext("%(count)s selected", "%(count)s selected", count),
  label: _("Label…"),
  keep: _("Keep"),
  kept: _("Kept"),
  unkeep: _("Don’t keep"),
  keptLong: _("Kept clips are never removed"),
  isKept: _("This clip is kept. Press Kept first, then it can be deleted."),
  remove: _("Delete"),
  download: _("Download zip"),
  clear: _("Clear"),
  askLabel: _("Label for these clips"),
  askRemove: (count, days) => days
    ? `${count === 1 ? _("Delete this clip and its file?") : ngettext("Delete %(count)s clip and its file?", "Delete %(count)s clips and their files?", count)} ${count === 1
      ? ngettext("The bin keeps it for %(count)s day, while there is room.", "The bin keeps it for %(count)s days, while there is room.", Number(days))
      : ngettext("The bin keeps them for %(count)s day, while there is room.", "The bin keeps them for %(count)s days, while there is room.", Number(days))}`
    : count === 1 ? _("Delete this clip and its file for good?") : ngettext("Delete %(count)s clip and its file for good?", "Delete %(count)s clips and their files for good?", count),
  didNot: (count, why) => ngettext("%(count)s clip was left as it is: %(why)s", "%(count)s clips were left as they are: %(why)s", count, { why }),
  cancel: _("Cancel"),
  close: _("Close"),
  play: _("Play"),
  pause: _("Pause"),
  back5: _("5 seconds back"),
  on5: _("5 seconds on"),
  mute: _("Mute"),
  unmute: _("Unmute"),
  boxes: _("Boxes"),
  speed: _("Speed"),
  volume: _("Volume"),
  onward: _("play on to the next clip"),
  full: _("Full screen"),
  unseen: _("not seen yet"),
  watchAll: _("Watch all"),
  watchDay: (day) => _("Watch all of %(day)s", { day }),
  gap: (from, to) => `${from} → ${to}`,
  inset: _("Picture in picture"),
  frame: _("Save this picture"),
  zoom: _("Zoom"),
  loop: _("Loop"),
  loopTo: _("Loop to here"),
  position: _("Position in the clip"),
  copyLink: _("Copy link"),
  copied: _("Copied"),
  share: _("Share"),
  shared: _("Anybody with this link can see this clip for a day:"),
  recall: _("Bring it back"),
  recalled: _("It is on its way to the first disk, and stays there for a week."),
  addLabel: _("Add a label"),
  note: _("Add a note"),
  find: _("Search the list"),
  add: _("Add"),
  none: _("none yet"),
  review: _("Review"),
  seenAt: (label, time) => _("Go to %(time)s, where %(label)s is seen", { label, time }),
  without: (label) => _("Take the label %(label)s off", { label }),
  noDecoder: (codec) => _("This browser has no %(codec)s decoder. The download plays in VLC and most players.", { codec }),
  noSound: (codec) => _("No sound: this browser has no %(codec)s decoder.", { codec }),
  damaged: (at) => _("The clip is damaged from %(time)s on.", { time: at }),
  noRange: _("Seeking does not work: the server does not answer Range."),
  noAnswer: _("The server does not answer."),
  answered: (status) => _("The server answered %(status)s.", { status }),
  gone: _("The file is gone."),
  refused: (status) => _("The server refused the clip (%(status)s).", { status }),
  cannotPlay: (codec) => (codec ? _("This browser cannot play it (%(codec)s). The download plays in VLC and most players.", { codec }) : _("This browser cannot play it. The download plays in VLC and most players.")),
  restore: _("Restore"),
  slowStart: _("This clip begins slowly here: its index is not at its beginning."),
  makeCopy: _("Make a copy that plays here"),
  copyWaits: (before, share) => (before ? ngettext("Waiting for %(count)s other copy …", "Waiting for %(count)s other copies …", before) : `${_("Making a copy that plays here …")} ${percent(share)}`),
  copyFailed: (why) => _("No copy can be made: %(why)s", { why }),
  copyShown: _("This is a copy that every browser plays. The download is the clip itself."),
  film: _("Make a video"),
  askFilm: _("One video of this camera, around this clip"),
  minutes: _("minutes before and after"),
  filmWaits: (share) => `${_("Making the video …")} ${percent(share)}`,
  filmFailed: (why) => _("No video can be made: %(why)s", { why }),
  fetchFilm: (long) => _("Download the video (%(length)s)", { length: long }),
  goTo: _("Go to a date or time"),
  go: _("Go"),
  typeHint: _("16:05, yesterday 4pm, 3 nov, -2h"),
  whichOne: _("Which one?"),
  notUnderstood: _("Not understood. Try 3 nov 16:05, last tue, or -2h."),
  monthBefore: _("The month before"),
  monthAfter: _("The next month"),
  nearestTo: (apart, after) => (after ? _("The nearest clip is %(span)s later.", { span: apart }) : _("The nearest clip is %(span)s earlier.", { span: apart })),
  keys: _("Keys"),
  letters: _("Letters work as keys"),
  siteZone: (zone) => _("Times in %(zone)s, where the cameras are. Click for your own.", { zone }),
  ownZone: (zone) => _("Times in %(zone)s, your own. Click for the cameras’.", { zone }),
  anywhere: _("Anywhere"),
  browse: _("Browse"),
  watch: _("Watch"),
  camera: _("Camera"),
  timeline: _("Timeline"),
  status: _("Status"),
  nothingThen: (camera) => (camera ? _("%(camera)s: nothing at this moment", { camera }) : _("Nothing at this moment")),
  lastThen: (time) => `${_("Nothing at this moment")} · ${_("last clip %(time)s", { time })}`,
  sideBySide: _("Side by side"),
  then: (time, camera) => `→ ${time} ${camera}`,
  camerasOf: _("Play one camera only"),
  kinds: { none: _("no label"), kept: _("kept"), broken: _("broken") },
  states: { broken: _("broken"), new: _("new"), missing: _("missing"), retired: _("retired") },
  clipBefore: _("The clip before"),
  clipAfter: _("The next clip"),
  brokenClip: (why) => _("This clip is broken: %(why)s.", { why: translated(why) }),
};
