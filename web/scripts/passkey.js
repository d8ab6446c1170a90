// Asks this device for a passkey, and sends its answer with the form around the button.
// Without this script, or where the browser knows no passkeys, the button is not there.
(() => {
  const box = document.querySelector('[data-passkey]')
  if (!box || !window.PublicKeyCredential || !navigator.credentials) return
  const button = box.querySelector('button'), field = box.querySelector('input'), failed = box.querySelector('[role=alert]')
  const bytes = text => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0))
  const text = buffer => buffer && btoa(Array.from(new Uint8Array(buffer), b => String.fromCharCode(b)).join(''))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  const asked = () => {
    const options = JSON.parse(box.dataset.passkey)
    options.challenge = bytes(options.challenge)
    if (options.user) options.user.id = bytes(options.user.id)
    for (const known of options.excludeCredentials || []) known.id = bytes(known.id)
    return options
  }
  const ask = async () => {
    const publicKey = asked()
    const made = await (publicKey.user ? navigator.credentials.create({publicKey}) : navigator.credentials.get({publicKey}))
    const r = made.response, response = {clientDataJSON: text(r.clientDataJSON)}
    if (publicKey.user) {
      response.attestationObject = text(r.attestationObject)
      response.transports = r.getTransports ? r.getTransports() : []
    } else {
      response.authenticatorData = text(r.authenticatorData)
      response.signature = text(r.signature)
      response.userHandle = text(r.userHandle) || ''
    }
    field.value = JSON.stringify({id: made.id, rawId: text(made.rawId), type: made.type, response})
    field.form.submit()
  }
  button.addEventListener('click', () => {
    button.disabled = failed.hidden = true
    ask().catch(() => {
      button.disabled = failed.hidden = false
      button.focus()
    })
  })
  box.hidden = false
})()
