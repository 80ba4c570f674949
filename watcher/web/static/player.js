// Says in words when a browser cannot show a clip: elements alone stay silent about it.

const player = document.getElementById("player");
const notice = document.getElementById("notice");

function tell(text) {
  notice.querySelector(".told")?.remove(); // what the server said of the clip stays
  const line = document.createElement("p");
  line.className = "told";
  line.textContent = text;
  notice.append(line);
  notice.hidden = false;
}

player?.addEventListener("loadedmetadata", () => {
  // Without a decoder the sound plays, time runs on, and no error is reported: only the width tells.
  if (player.dataset.picture === "yes" && player.videoWidth === 0) {
    tell(`This browser has no ${player.dataset.codec} decoder. The download plays in VLC and most players.`);
  }
});

player?.addEventListener("error", async () => {
  if (player.error?.code === 3) return tell("The clip is damaged from here on.");
  // The element's error is the same for a missing, a forbidden and a damaged clip: ask which.
  const answer = await fetch(player.src, { method: "HEAD" }).catch(() => null);
  if (answer === null) tell("The server does not answer.");
  else if (answer.status === 404) tell("The file is gone.");
  else if (!answer.ok) tell(`The server refused the clip (${answer.status}).`);
  else tell(`This browser cannot play it${player.dataset.codec ? ` (${player.dataset.codec})` : ""}. The download plays in VLC and most players.`);
});
