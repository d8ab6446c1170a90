// Shows a password that is being chosen, for as long as its reader wants: it is typed once.
// Without this script the box is not there.
(() => {
  const box = document.querySelector('[data-show]'), field = document.getElementById('new_password')
  if (!box || !field) return
  const show = box.querySelector('input')
  const turn = () => { field.type = show.checked ? 'text' : 'password' }
  show.addEventListener('change', turn)
  field.form.addEventListener('submit', () => { field.type = 'password' })
  turn()
  box.hidden = false
})()
