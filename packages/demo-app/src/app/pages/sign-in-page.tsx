import { Icon, Mark } from '../../ui/icons.tsx';
import { reps, type Rep } from '../reps.ts';
import classes from './sign-in-page.module.css';

/** The demo's sign-in: choose who you are. */
export function SignInPage({ onSignIn }: { readonly onSignIn: (rep: Rep) => void }) {
  return (
    <main className={classes['root']}>
      <div className={classes['intro']}>
        <Mark size={60} />
        <h1>Satchel</h1>
        <p className="soft">
          Take orders anywhere. They are kept on this device until the office has them, and it gets each of
          them once.
        </p>
      </div>
      <section aria-labelledby="who" className={classes['panel']}>
        <h2 id="who">Who is taking orders?</h2>
        <ul>
          {reps.map((rep) => (
            <li key={rep.id}>
              <button type="button" className={classes['rep']} onClick={() => onSignIn(rep)}>
                <span className={classes['initials']} aria-hidden="true">
                  {rep.name
                    .split(' ')
                    .map((word) => word.slice(0, 1))
                    .join('')}
                </span>
                <span className={classes['name']}>
                  <strong>{rep.name}</strong>
                  <span className="soft small">{rep.role}</span>
                </span>
                <Icon name="forward" size={20} />
              </button>
            </li>
          ))}
        </ul>
        <p className="soft small">
          This is a demonstration, so there is no password. Everyone keeps orders of their own on a shared
          tablet.
        </p>
      </section>
    </main>
  );
}
