/** The server's account of one call over a WebSocket: events in, typed words out. */

/**
 * @param {URL} url
 * @param {{ onEvent: (event: any) => void, onLost: () => void }} news `onLost` unless the call's end was told before.
 */
export const openEvents = (url, { onEvent, onLost }) => {
  const socket = new WebSocket(url)
  let over = false
  socket.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data)
    if (event._tag === "Ended") over = true
    onEvent(event)
  })
  socket.addEventListener("close", () => {
    if (!over) onLost()
    over = true
  })
  return {
    /** Whether the text could be sent. @param {string} text */
    type: (text) => {
      const open = socket.readyState === WebSocket.OPEN
      if (open) socket.send(JSON.stringify({ type: "typed", text }))
      return open
    },
    close: () => {
      over = true
      socket.close(1000)
    }
  }
}
