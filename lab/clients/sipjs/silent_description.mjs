// Describes a call without media: one audio stream on which neither side sends. SIP.js's own needs WebRTC.

const type = "application/sdp";

// Returns a session description handler (SIP.js's interface of that name).
export function silentDescription(address) {
  const lines = [
    "v=0", `o=- 1 1 IN IP4 ${address}`, "s=-", `c=IN IP4 ${address}`, "t=0 0",
    "m=audio 40000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=inactive", "",
  ];
  return {
    close: () => {},
    getDescription: async () => ({ body: lines.join("\r\n"), contentType: type }),
    hasDescription: (contentType) => contentType === type,
    rollbackDescription: async () => {},
    setDescription: async () => {},
    sendDtmf: () => false,
  };
}
