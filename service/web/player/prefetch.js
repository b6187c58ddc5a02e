/**
 * Requests the first media of video and audio together with their init segments. hls.js requests these one after the other: four
 * round trips. It then finds the responses in the browser's cache, since media never changes.
 */
export function prefetch(hls, Hls) {
  const { FRAG_LOADING, AUDIO_TRACK_UPDATED } = Hls.Events;
  let hasBegun = false;
  let hasAudio = false;
  const getAudio = () => {
    const audio = hls.audioTracks[hls.audioTrack]?.details;
    if (!hasBegun || hasAudio || !audio?.live) return;
    hasAudio = true;
    const time = hls.startPosition;
    const frag = at(audio, time);
    const part = audio.partList?.find((each) => each.fragment === frag && !each.gap && time < each.end);
    get(frag?.initSegment?.url, (frag === audio.fragments[0] ? frag : part ?? frag)?.url);
  };
  hls.once(FRAG_LOADING, () => {
    hasBegun = true;
    const details = hls.latestLevelDetails;
    if (details?.live) get(firstPart(details, hls.startPosition));
    getAudio();
  });
  hls.once(AUDIO_TRACK_UPDATED, getAudio);
}

function get(...urls) {
  for (const url of urls) {
    if (url) fetch(url).then((answer) => answer.arrayBuffer()).catch(() => {}); // hls.js reports and retries
  }
}

function at({ fragments, fragmentHint }, time) {
  return [...fragments, fragmentHint].find((frag) => frag && !frag.gap && frag.start <= time + 0.01 && time < frag.end);
}

/** Return the address of the part or segment with which playback at `time` starts. */
function firstPart(details, time) {
  const frag = at(details, time);
  const parts = details.partList?.filter((part) => part.fragment === frag && part.independent && part.start <= time + 0.01);
  return (parts?.at(-1) ?? frag)?.url;
}
